def test_a(bench, checkout):
    import time

    r = bench("reproduce", "toy-table", "--seeds", "3")
    r = bench("leaderboard")
    print(r.out, r.err, r.code)
    print((checkout.root / "leaderboards/toy.md").read_text()[:1200])
    from pathlib import Path

    from bench import leaderboard, plots, workspace

    b = leaderboard.load(workspace.find(), "toy")
    for m in b.measured:
        for n, d in plots.plots(m):
            Path(f"/tmp/h4_{n}.png").write_bytes(plots.png(d()))
    checkout.edit("[columns.auc]", '[figure]\nx = "bins K"\nlog = true\n[columns.auc]')
    checkout.edit('label = "Good"\n', 'label = "Good"\nseries="a"\nx = 1\n')
    checkout.edit('label = "Good, half"\n', 'label = "Good, half"\nseries="a"\nx = 20\n')
    checkout.edit('label = "Bad"\n', 'label = "Bad"\nseries="b"\nx = 1\n')
    b = leaderboard.load(workspace.find(), "toy")
    for m in b.measured:
        for n, d in plots.plots(m):
            Path(f"/tmp/h4_{n}.png").write_bytes(plots.png(d()))
    t = time.time()
    r = bench("leaderboard")
    print(r.out, r.err, r.code, time.time() - t)
    t = time.time()
    r = bench("leaderboard", "--check")
    print(r.out, r.err, r.code, time.time() - t)
    print(list((checkout.root / "leaderboards").rglob("*")))
    assert 0
