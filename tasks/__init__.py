"""Science without a workflow engine: kernels on arrays, reductions on measurements."""
