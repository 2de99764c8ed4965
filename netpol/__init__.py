"""The core: netpol's own words for traffic, peers and policies, and what can be proved of them."""
