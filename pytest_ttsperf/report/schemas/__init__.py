"""The JSON Schemas of the artifacts, as the package ships them."""
