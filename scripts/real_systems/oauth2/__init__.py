"""oauth2-mock-server 9.3 as the issuer of tokens: a process of its own, spoken to as RFC 6749 says."""
