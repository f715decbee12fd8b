"""The product on one machine, without containers: `make run`.

``debian.sh`` finds or installs the programs · ``layout`` what runs, where it listens, what its
files are · ``supervisor`` starts it, waits until it is ready, stops it · ``secrets`` the files
that docker compose wants.
"""
