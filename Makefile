.PHONY: soak

soak: ## The fault tests many times in a row; see .ci/soak for RUNS, SEED, JOBS, KEEP_GOING.
	.ci/soak
