"""Traffic and cluster state in, in netpol's own words: one module per source."""
