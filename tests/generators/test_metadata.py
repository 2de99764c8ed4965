"""Metadata of objects: what the API server takes and refuses, of typed kinds and custom ones."""

import pytest

import generators
from netpol.manifests import load

KINDS = {
    "networking.k8s.io/v1 NetworkPolicy": "{}",
    "policy.networking.k8s.io/v1alpha2 ClusterNetworkPolicy": (
        "{tier: Admin, priority: 1, subject: {namespaces: {}}}"
    ),
    "projectcalico.org/v3 NetworkPolicy": "{}",
    "cilium.io/v2 CiliumNetworkPolicy": "{endpointSelector: {}, ingress: [{}]}",
}
OWNER = "apiVersion: v1, kind: Pod, name: p, uid: u"
CONTROLLERS = [f"{{apiVersion: v1, kind: Pod, name: p, controller: true, uid: {n}}}" for n in "uv"]


@pytest.fixture(params=KINDS)
def told(request, tmp_path):
    """Metadata in YAML → the notices of a policy with it."""
    version, kind = request.param.split()

    def read(metadata):
        notices = []
        text = f"apiVersion: {version}\nkind: {kind}\nmetadata: {metadata}\n"
        (tmp_path / "p.yaml").write_text(f"{text}spec: {KINDS[request.param]}\n")
        found, _ = generators.parse(load([tmp_path / "p.yaml"], notices.append), notices.append)
        assert len(found.policies) == (not any(one.code == "NP063" for one in notices))
        return [f"{one.code} {one.message}" for one in notices]

    return read


@pytest.mark.parametrize(
    "metadata",
    [
        "{generateName: p-}",
        "{generateName: " + "a" * 253 + "}",
        "{name: p, generateName: q-}",
        "{name: p, uid: u, resourceVersion: '7', generation: 3, selfLink: /x}",
        "{name: p, creationTimestamp: '2026-01-31T08:00:00.5+01:00', deletionTimestamp: null}",
        "{name: p, deletionGracePeriodSeconds: 30}",
        "{name: p, finalizers: [example.org/x, orphan]}",
        f"{{name: p, ownerReferences: [{{{OWNER}, controller: true}}]}}",
        f"{{name: p, ownerReferences: [{{{OWNER}, controller: true}}, {{{OWNER}}}]}}",
        "{name: p, managedFields: [{operation: x, fieldsV1: {'f:spec': {}}}]}",
        "{name: p, annotations: {a: " + "x" * (256 * 1024 - 1) + "}}",
    ],
)
def test_metadata_that_is_taken(told, metadata):
    assert told(metadata) == []


@pytest.mark.parametrize(
    ("metadata", "place"),
    [
        ("{generateName: P}", "generateName"),
        ("{generateName: p.}", "generateName"),
        ("{generateName: " + "a" * 254 + "}", "generateName"),
        ("{name: p, generateName: a_b}", "generateName"),
        ("{name: p, uid: 1}", "uid"),
        ("{name: p, resourceVersion: 1}", "resourceVersion"),
        ("{name: p, generation: '1'}", "generation"),
        ("{name: p, generation: 1.5}", "generation"),
        ("{name: p, creationTimestamp: ''}", "creationTimestamp"),
        ("{name: p, creationTimestamp: 2026-01-31}", "creationTimestamp"),
        ("{name: p, deletionTimestamp: '2026-13-31T08:00:00Z'}", "deletionTimestamp"),
        ("{name: p, deletionGracePeriodSeconds: x}", "deletionGracePeriodSeconds"),
        ("{name: p, finalizers: x}", "finalizers"),
        ("{name: p, finalizers: [null]}", "finalizers[0]"),
        ("{name: p, finalizers: [a/b/c]}", "finalizers[0]"),
        ("{name: p, finalizers: [orphan, foregroundDeletion]}", "finalizers"),
        ("{name: p, ownerReferences: [{}]}", "ownerReferences[0].apiVersion"),
        (f"{{name: p, ownerReferences: [{{{OWNER}, controller: x}}]}}", "ownerReferences[0].contr"),
        (
            f"{{name: p, ownerReferences: [{{{OWNER.replace('Pod', 'Event')}}}]}}",
            "ownerReferences[0]",
        ),
        (
            f"{{name: p, ownerReferences: [{{{OWNER.replace('v1', 'a/b/c')}}}]}}",
            "ownerReferences[0].apiVersion",
        ),
        (
            f"{{name: p, ownerReferences: [{', '.join(CONTROLLERS)}]}}",
            "ownerReferences",
        ),
        ("{name: p, managedFields: [{time: x}]}", "managedFields[0].time"),
        ("{name: p, annotations: {a: " + "x" * (256 * 1024) + "}}", "annotations"),
        ("{name: p, namespace: []}", "namespace"),
        ("{name: [p]}", "name"),
    ],
)
def test_metadata_that_is_refused(told, metadata, place):
    (notice,) = told(metadata)
    assert notice.startswith("NP063 ")
    assert f": .metadata.{place}" in notice


@pytest.mark.parametrize(
    ("metadata", "place"),
    [
        ("{name: p, Name: q}", "Name"),
        ("{name: p, label: {a: b}}", "label"),
        (f"{{name: p, ownerReferences: [{{{OWNER}, x: 1}}]}}", "ownerReferences[0].x"),
    ],
)
def test_fields_that_metadata_does_not_have_are_dropped_and_said(told, metadata, place):
    (notice,) = told(metadata)
    assert notice.startswith("NP076 ")
    assert f": .metadata.{place}: " in notice


def test_finalizers_without_a_domain_are_for_custom_kinds_alone(told, request):
    notices = told("{name: p, finalizers: [mine]}")
    typed = "networking.k8s.io/v1 NetworkPolicy" in request.node.name
    assert [one[:5] for one in notices] == (["NP063"] if typed else [])
