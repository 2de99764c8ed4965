"""Owner chains, and what a pod's name alone gives away."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netpol.owners import HASH_ALPHABET, chain, from_pod_name, generated, made_by

NAMES = st.from_regex(r"[a-z]([a-z0-9-]{0,18}[a-z0-9])?", fullmatch=True)
HASHES = st.text(HASH_ALPHABET, min_size=6, max_size=10)
RANDOMS = st.text(HASH_ALPHABET, min_size=5, max_size=5)
KINDS = st.sampled_from(
    ["Pod", "ReplicaSet", "Deployment", "Job", "CronJob", "Node", "Workflow", "Rollout"]
)
HASH = "545db77b95"

OWNERS = {
    ("shop", "Pod", f"api-{HASH}-j2n72"): ("ReplicaSet", f"api-{HASH}"),
    ("shop", "ReplicaSet", f"api-{HASH}"): ("Deployment", "api"),
    ("shop", "Pod", "canary-7f9c6b8d4-x2x2x"): ("ReplicaSet", "canary-7f9c6b8d4"),
    ("shop", "ReplicaSet", "canary-7f9c6b8d4"): ("Rollout", "canary"),
    ("shop", "Pod", f"operated-{HASH}-j2n72"): ("ReplicaSet", f"operated-{HASH}"),
    ("shop", "ReplicaSet", f"operated-{HASH}"): ("Deployment", "operated"),
    ("shop", "Deployment", "operated"): ("Jaeger", "tracing"),
    ("shop", "Pod", "alone-4hk2z"): ("ReplicaSet", "alone"),
    ("shop", "ReplicaSet", "alone"): None,
    ("shop", "Pod", "report-29381234-abcde"): ("Job", "report-29381234"),
    ("shop", "Job", "report-29381234"): ("CronJob", "report"),
    ("shop", "Pod", "migrate-zx4c9"): ("Job", "migrate"),
    ("shop", "Job", "migrate"): None,
    ("shop", "Pod", "legacy-3-q8k2w"): ("ReplicationController", "legacy-3"),
    ("shop", "ReplicationController", "legacy-3"): ("DeploymentConfig", "legacy"),
    ("shop", "Pod", "db-0"): ("StatefulSet", "db"),
    ("shop", "Pod", "agent-2t8z4"): ("DaemonSet", "agent"),
    ("shop", "Pod", "etcd-node-1"): ("Node", "node-1"),
    ("shop", "Pod", "odd"): ("Node", "node-1"),
    ("shop", "Pod", "bare"): None,
    ("shop", "Pod", "step-1"): ("Workflow", "nightly-x7"),
    ("shop", "Workflow", "nightly-x7"): ("CronWorkflow", "nightly"),
    ("shop", "Pod", "exec-1"): ("Pod", "driver"),
    ("shop", "Pod", "driver"): ("SparkApplication", "sum"),
    ("shop", "Pod", "kafka-0"): ("StrimziPodSet", "kafka"),
    ("shop", "StrimziPodSet", "kafka"): ("Kafka", "events"),
}


@pytest.mark.parametrize(
    ("pod", "workload"),
    [
        (f"api-{HASH}-j2n72", ("Deployment", "api")),
        ("canary-7f9c6b8d4-x2x2x", ("Rollout", "canary")),
        (f"operated-{HASH}-j2n72", ("Deployment", "operated")),
        ("alone-4hk2z", ("ReplicaSet", "alone")),
        ("report-29381234-abcde", ("CronJob", "report")),
        ("migrate-zx4c9", ("Job", "migrate")),
        ("legacy-3-q8k2w", ("DeploymentConfig", "legacy")),
        ("db-0", ("StatefulSet", "db")),
        ("agent-2t8z4", ("DaemonSet", "agent")),
        ("etcd-node-1", ("Pod", "etcd")),
        ("odd", ("Pod", "odd")),
        ("bare", ("Pod", "bare")),
        ("step-1", ("CronWorkflow", "nightly")),
        ("exec-1", ("SparkApplication", "sum")),
        ("kafka-0", ("StrimziPodSet", "kafka")),
    ],
)
def test_a_chain_is_followed_to_what_a_person_would_name(pod, workload):
    assert chain("Pod", pod, "shop", OWNERS) == workload


@pytest.mark.parametrize(
    ("owner", "labels", "workload"),
    [
        (("ReplicaSet", f"api-{HASH}"), {"pod-template-hash": HASH}, ("Deployment", "api")),
        (("ReplicaSet", "api-1"), {"pod-template-hash": "1"}, ("Deployment", "api")),
        (
            ("ReplicaSet", f"api-{HASH}"),
            {"rollouts-pod-template-hash": HASH},
            ("Rollout", "api"),
        ),
        (
            ("ReplicaSet", f"api-{HASH}"),
            {"pod-template-hash": "other"},
            ("ReplicaSet", f"api-{HASH}"),
        ),
        (("ReplicaSet", f"api-{HASH}"), {}, ("Deployment", "api")),
        (("ReplicaSet", "my-frontend"), {}, ("ReplicaSet", "my-frontend")),
        (("Job", "report-29381234"), {}, ("CronJob", "report")),
        (("Job", "report-1700000000"), {}, ("CronJob", "report")),
        (("Job", "migrate-42"), {}, ("Job", "migrate-42")),
        (
            ("ReplicationController", "legacy-3"),
            {"deploymentconfig": "legacy"},
            ("DeploymentConfig", "legacy"),
        ),
        (("ReplicationController", "legacy-3"), {}, ("ReplicationController", "legacy-3")),
        (("CronWorkflow", "nightly"), {}, ("CronWorkflow", "nightly")),
    ],
)
def test_an_owner_that_is_not_at_hand_is_guessed_past(owner, labels, workload):
    owners = {("shop", "Pod", "x"): owner}
    assert chain("Pod", "x", "shop", owners, tuple(sorted(labels.items()))) == workload


def test_an_object_of_another_namespace_is_another_object():
    assert chain("Pod", "bare", "elsewhere", {("shop", "Pod", "bare"): ("DaemonSet", "x")}) == (
        "Pod",
        "bare",
    )


@settings(deadline=None, max_examples=100)
@given(
    st.dictionaries(
        st.tuples(st.just("ns"), KINDS, st.sampled_from("abc")),
        st.none() | st.tuples(KINDS, st.sampled_from("abc")),
    ),
    KINDS,
    st.sampled_from("abc"),
)
def test_chains_end_even_in_circles_and_ends_are_ends(owners, kind, name):
    top = chain(kind, name, "ns", owners)
    owner = owners.get(("ns", *top))
    in_circle = owner is not None and top[0] not in ("Deployment", "CronJob", "Rollout")
    if not in_circle:
        assert chain(*top, "ns", owners) == top


@pytest.mark.parametrize(
    ("pod", "owner"),
    [
        ("reviews-v1-545db77b95-j2n72", ("Deployment", "reviews-v1")),
        ("productpage-v1-6b746f74dc-9rcxx", ("Deployment", "productpage-v1")),
        ("coredns-7db6d8ff4d-4bqxz", ("Deployment", "coredns")),
        ("otelcol-hubble-collector-2t8z4", ("DaemonSet", "otelcol-hubble-collector")),
        ("kube-proxy-2t8z4", ("DaemonSet", "kube-proxy")),
        ("order-digest-29381240-x7k2p", ("CronJob", "order-digest")),
        ("order-digest-28944576-x7k2p", ("CronJob", "order-digest")),
        ("web-4578954467-x7k2p", ("Deployment", "web")),
        ("postgres-0", ("StatefulSet", "postgres")),
        ("redis-cart-master-12", ("StatefulSet", "redis-cart-master")),
        ("etcd-node-1", ("StatefulSet", "etcd-node")),
        ("debug", ("Pod", "debug")),
        ("my-nginx", ("Pod", "my-nginx")),
        ("-2t8z4", ("Pod", "-2t8z4")),
        ("", ("Pod", "")),
    ],
)
def test_the_pattern_of_a_name_gives_its_owner(pod, owner):
    assert from_pod_name(pod) == owner


@settings(deadline=None, max_examples=100)
@given(NAMES, HASHES.filter(lambda text: not text.isdigit()), RANDOMS)
def test_a_deployment_is_found_in_the_names_of_its_pods(name, digest, end):
    assert from_pod_name(f"{name}-{digest}-{end}") == ("Deployment", name)
    assert from_pod_name(f"{name}-{digest}-{end}", digest) == ("Deployment", name)


@settings(deadline=None, max_examples=100)
@given(NAMES, st.integers(min_value=20_000_000, max_value=39_999_999), RANDOMS)
def test_a_cron_job_is_found_in_the_names_of_its_pods(name, minutes, end):
    assert from_pod_name(f"{name}-{minutes}-{end}") == ("CronJob", name)


def test_a_known_hash_decides():
    assert from_pod_name("web-1-x7k2p", "1") == ("Deployment", "web")
    assert from_pod_name("web-0", "545db77b95") == ("StatefulSet", "web")


def test_a_name_that_was_cut_in_the_hash_is_read_with_the_label():
    name = "a" * 50
    pod = f"{name}-{HASH}-"[:58] + "j2n72"
    assert from_pod_name(pod, HASH) == ("Deployment", name)
    assert from_pod_name(pod, "6b746f74dc")[0] != "Deployment"


@settings(deadline=None, max_examples=100)
@given(st.text(max_size=70), st.text(max_size=12))
def test_any_text_has_an_answer(name, digest):
    kind, stem = from_pod_name(name, digest)
    assert name.startswith(stem)
    assert kind in ("Deployment", "CronJob", "DaemonSet", "StatefulSet", "Pod")


@pytest.mark.parametrize(
    ("name", "labels", "owner"),
    [
        (f"api-{HASH}-*", {}, ("Deployment", "api")),
        (f"api-{HASH}-*", {"pod-template-hash": HASH}, ("Deployment", "api")),
        (f"api-{HASH}-*", {"rollouts-pod-template-hash": HASH}, ("Deployment", "api")),
        ("api-abc-*", {"pod-template-hash": "abc"}, ("Deployment", "api")),
        ("alone-*", {"pod-template-hash": "abc"}, ("ReplicaSet", "alone")),
        ("report-29381234-*", {}, ("CronJob", "report")),
        ("report-29381234-*", {"job-name": "report-29381234"}, ("CronJob", "report")),
        ("migrate-*", {"batch.kubernetes.io/job-name": "migrate"}, ("Job", "migrate")),
        ("db-*", {"controller-revision-hash": "db-59d8f4c5b9"}, ("StatefulSet", "db")),
        ("agent-*", {"controller-revision-hash": "59d8f4c5b9"}, ("DaemonSet", "agent")),
        ("db-*", {}, ("StatefulSet", "db")),
    ],
)
def test_an_aggregated_name_and_its_labels_give_the_owner(name, labels, owner):
    assert made_by(generated(name), labels) == owner


@pytest.mark.parametrize("name", ["", "*", "-*", "api*", f"api-{HASH}-x2k9q"])
def test_only_names_with_a_star_for_the_random_part_are_aggregated(name):
    assert generated(name) == ""


@settings(deadline=None, max_examples=100)
@given(NAMES, HASHES.filter(lambda text: not text.isdigit()), RANDOMS)
def test_an_aggregated_name_has_the_owner_of_its_pods(name, digest, end):
    pod = f"{name}-{digest}-{end}"
    assert from_pod_name(f"{name}-{digest}-*") == from_pod_name(pod)
