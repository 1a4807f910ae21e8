-- One database each for what is kept apart: Dagster's own, the lake's catalogue, the ledger. Run once, by the image.
create database dagster;
create database lake;
create database ledger;
