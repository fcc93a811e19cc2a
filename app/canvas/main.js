// The painting surface; events 'stroke', 'open' and 'retry' are triggered here.
