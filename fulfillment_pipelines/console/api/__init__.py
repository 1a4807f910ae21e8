"""The versioned API: an application of its own under `/api/v1`, with one module for each resource.

`application` puts it together, `gate` is what every request passes, `problems` how errors are told, `description` the
OpenAPI document; `answers`, `cursors`, `allowance`, `deprecation` and `shapes` are what resources share. What is read
comes from `console.reading`, what is done is done by the commands of `corrections` and `exceptions`.
"""
