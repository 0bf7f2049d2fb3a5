"""Our engine, and fifteen ways to make it faster that nobody should want.

A scratch repository gets this folder as the package `patched`. Its first version speaks as
`speaking.py` does; in the second a patch stands in the place of that file.
"""
