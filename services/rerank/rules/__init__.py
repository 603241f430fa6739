"""The rules, one a file. `services/rerank/pipeline.py` says which apply and in what order.

Inside the rules `Slate.scores` are the scores to order by: a boost changes them, so that diversity
sees it. The pipeline gives the final list the scores that its items came with. A rule never cuts
the list to k: what a rule moves down is there for the next one to take up again.
"""
