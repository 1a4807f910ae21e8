"""fulfillment_pipelines: reconcile the systems of a distributor and prove that what was wrong is cured."""
