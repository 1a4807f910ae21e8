"""The commands behind `fulfillment`, one module for each group. What they do belongs to the packages they call."""
