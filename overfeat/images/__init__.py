"""Pictures: decoding, downsampling, random crops, shards and the training loader."""
