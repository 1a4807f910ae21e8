"""Systems that send by themselves: webhooks, message brokers, and the inbox in which both end."""
