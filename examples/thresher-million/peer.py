"""Trains scikit-learn's HashingVectorizer and SGDClassifier out of core on
comment files, one classifier an attribute, and prints figures as JSON.

    python peer.py words|ngrams TRAIN_FOLDER HELD_FOLDER
"""

import glob
import json
import resource
import sys
import time

import numpy as np
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_union

ATTRIBUTES = ["spam", "toxicity", "severe_toxicity", "insult", "profanity", "threat",
              "identity_attack", "sexually_explicit"]
CHUNK = 20_000

# The features as a user has them who says nothing, and as near to Thresher's
# as the class allows: words and pairs of words, characters in runs of 2 to 5.
VECTORIZERS = {
    "words": lambda: HashingVectorizer(),
    "ngrams": lambda: make_union(
        HashingVectorizer(ngram_range=(1, 2), n_features=2**21, alternate_sign=False),
        HashingVectorizer(analyzer="char_wb", ngram_range=(2, 5), n_features=2**21, alternate_sign=False),
    ),
}


def comments(folder):
    for path in sorted(glob.glob(folder + "/*.jsonl")):
        if not path.endswith(".threads.jsonl"):
            with open(path, encoding="utf-8") as lines:
                for line in lines:
                    row = json.loads(line)
                    yield row["text"], row.get("labels") or {}


def chunks(folder):
    texts, labels = [], []
    for text, label in comments(folder):
        texts.append(text)
        labels.append([label.get(a, np.nan) for a in ATTRIBUTES])
        if len(texts) == CHUNK:
            yield texts, np.array(labels)
            texts, labels = [], []
    if texts:
        yield texts, np.array(labels)


def main():
    kind, train, held = sys.argv[1:]
    vectorizer = VECTORIZERS[kind]()
    models = [SGDClassifier(loss="log_loss", alpha=1e-6, random_state=1) for _ in ATTRIBUTES]
    rows, vectorizing, fitting = 0, 0.0, 0.0
    began = time.perf_counter()
    for texts, labels in chunks(train):
        since = time.perf_counter()
        features = vectorizer.transform(texts)
        vectorizing += time.perf_counter() - since
        since = time.perf_counter()
        for model, column in zip(models, labels.T):
            known = ~np.isnan(column)
            if known.any():
                model.partial_fit(features[known], column[known] >= 0.5, classes=[False, True])
        fitting += time.perf_counter() - since
        rows += len(texts)
    seconds = time.perf_counter() - began
    scored = [([], []) for _ in ATTRIBUTES]
    for texts, labels in chunks(held):
        features = vectorizer.transform(texts)
        for model, column, (scores, truth) in zip(models, labels.T, scored):
            known = ~np.isnan(column)
            if known.any() and hasattr(model, "coef_"):
                scores.extend(model.decision_function(features[known]))
                truth.extend(column[known] >= 0.5)
    areas = {a.upper(): roc_auc_score(t, s) for a, (s, t) in zip(ATTRIBUTES, scored) if len(set(t)) == 2}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"rows": rows, "seconds": seconds, "vectorizing": vectorizing, "fitting": fitting,
                      "peak": peak, "areas": areas}))


main()
