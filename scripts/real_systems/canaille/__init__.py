"""Canaille 0.3 as the OpenID provider of a company: a process of its own, spoken to as OpenID Connect Core 1.0 says."""
