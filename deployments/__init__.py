"""Where and when: the hub on one machine, work pools, sites."""
