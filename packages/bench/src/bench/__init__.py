"""Command line of the benchmark: reproduce printed tables, compare with statistics, publish leaderboards."""
