"""Plain numpy: tensors, flip angles and ratios, voxel by voxel."""
