"""Real systems that nobody here wrote, installed, filled with business documents and started on this machine."""
