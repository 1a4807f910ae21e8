"""Systems that speak HTTP: requests, pages, credentials, messages."""
