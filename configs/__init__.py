"""Values that an operator may change, as YAML, and the one function that reads them."""
