"""The console: the web application where people see, decide and trust, and the versioned API beside it.

It reads the lake and the ledger, and writes only through the commands of `corrections` and `exceptions`.

`access` proves who somebody is and what the person may; `reading` gathers what a screen shows; `pages` holds one module
for each screen; `api` the routes under `/api/v1`; `templates` and `static` what a browser gets. `composition` builds
everything once, and `app` makes the application of it.
"""
