"""What several techniques share: blocks, geometry, masks, statistics, calibrants."""
