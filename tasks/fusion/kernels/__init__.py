"""Plain numpy: least squares with covariance, and the number of protomers."""
