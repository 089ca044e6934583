"""What may stand in the documents that people hand in, over the API or as files, as marshmallow schemas."""
