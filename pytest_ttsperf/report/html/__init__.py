"""`report.html`: one file that shows a run, without any request to elsewhere.

`page.render` takes a `page_model.PageModel` and decides nothing: charts are geometry (`scales`,
`paths`, `time_axis`, `charts`, `courses`, `intervals`), drawn as SVG through the templates.
"""
