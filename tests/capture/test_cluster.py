"""A live cluster, through the real client and over real sockets: what is there."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from api_server import ApiServer, Refusal
from kubernetes.config.incluster_config import SERVICE_TOKEN_FILENAME
from watched import HASTY, inventory_of, obj, pod, wait_for, watching

from capture.cluster import connect
from capture.resources import RESOURCES
from capture.snapshot import read_inventory
from capture.watch import Watch, read_cluster
from netpol.errors import NetpolError
from netpol.settings import CONFIG_MAPS


@pytest.fixture
def api():
    with ApiServer() as server:
        yield server


def small_cluster(api):
    api.apply(
        obj("Namespace", "shop", space=""),
        obj(
            "Node",
            "node-1",
            space="",
            spec={"podCIDR": "10.1.0.0/24"},
            status={"addresses": [{"type": "InternalIP", "address": "192.0.2.1"}]},
        ),
        obj("Service", "cart", spec={"clusterIP": "10.96.0.7", "ports": [{"port": 80}]}),
        pod("cart-1", "10.1.0.5"),
        pod("cart-2", "10.1.0.6"),
        obj("Secret", "password", data={"hush": "hush"}),
        obj(
            "ConfigMap",
            "cilium-config",
            space="kube-system",
            data={"kube-proxy-replacement": "true"},
        ),
        obj("ConfigMap", "app", data={"hush": "hush"}),
    )


def live(api, tmp_path, **cluster):
    notices = []
    file = api.kubeconfig(tmp_path / "kubeconfig", **cluster)
    return read_cluster(notices.append, kubeconfig=str(file)), notices


def dump(api, tmp_path):
    """The inventory that kubectl's dump of the same gives."""
    items = [one for known in api.objects.values() for one in known.values()]
    file = tmp_path / "dump.json"
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
    return read_inventory([str(file)], lambda _: None)


def test_live_cluster_equals_its_dump(api, tmp_path):
    small_cluster(api)
    found, notices = live(api, tmp_path)
    expected = dump(api, tmp_path)
    assert not notices
    assert found.pods == expected.pods
    assert found.services == expected.services
    assert found.nodes == expected.nodes
    assert found.namespaces == expected.namespaces
    assert found.settings == expected.settings
    assert set(found.holders) == {"10.1.0.5", "10.1.0.6", "192.0.2.1"}


def test_only_what_is_needed_is_asked_for(api, tmp_path):
    small_cluster(api)
    live(api, tmp_path)
    asked = {path for path, _ in api.asked}
    assert not any("secrets" in path for path in asked)
    names = {
        (path.split("/")[4], query["fieldSelector"])
        for path, query in api.asked
        if "configmaps" in path
    }
    assert names == {(space, f"metadata.name={name}") for space, name in CONFIG_MAPS}
    assert len(asked) == len({(one.api_version, one.plural, one.namespace) for one in RESOURCES})


def test_pages_are_put_together(api, tmp_path):
    api.page = 3
    api.apply(*(pod(f"p-{n}", f"10.1.0.{n}") for n in range(1, 20)))
    found, notices = live(api, tmp_path)
    assert len(found.pods) == 19
    assert not notices


def test_a_continue_token_that_expires_begins_the_list_anew(api, tmp_path):
    api.page = 3
    api.apply(*(pod(f"p-{n}", f"10.1.0.{n}") for n in range(1, 20)))

    def second_page(path, query):
        if path.endswith("/pods") and "continue" in query:
            api.delete(pod("p-1"))
            api._pages.clear()
            return True
        return False

    api.refusals.append(Refusal(410, on=second_page))
    with watching(api, tmp_path, once=True) as run:
        wait_for(lambda: not run._thread.is_alive())
    # What the first pages showed is told to be gone by then.
    assert ("shop", "p-1") in run.inventory().pods
    assert run.inventory().pods["shop", "p-1"].finished
    assert sum(not one.finished for one in run.inventory().pods.values()) == 18
    limits = [int(query["limit"]) for path, query in api.asked if path.endswith("/pods")]
    assert max(limits) > limits[0]


def test_kinds_that_are_not_served_or_forbidden_are_said(api, tmp_path):
    small_cluster(api)
    api.forbidden = {"/api/v1/nodes"}
    api.served = {"/api/v1/pods", "/api/v1/services", "/api/v1/namespaces", "/api/v1/configmaps"}
    found, notices = live(api, tmp_path)
    assert len(found.pods) == 2
    assert not found.nodes
    assert [(n.code, n.where) for n in notices if n.code == "NP083"] == [("NP083", "nodes")]
    missing = {n.where for n in notices if n.code == "NP084"}
    assert "deployments.apps" in missing
    assert "rollouts.argoproj.io" not in missing


@pytest.mark.parametrize("status", [429, 500, 503, 0])
def test_a_server_that_has_trouble_is_asked_again(api, tmp_path, status):
    small_cluster(api)
    api.refusals.append(Refusal(status, times=3, headers={"Retry-After": "0"}))
    with watching(api, tmp_path, once=True) as run:
        wait_for(lambda: not run._thread.is_alive())
    assert run.inventory().pods == dump(api, tmp_path).pods


def test_retry_after_is_obeyed(api, tmp_path):
    api.refusals.append(
        Refusal(429, headers={"Retry-After": "1"}, on=lambda path, _: path.endswith("/pods"))
    )
    with watching(api, tmp_path, once=True) as run:
        wait_for(lambda: not run._thread.is_alive())
    at = {one.resource.plural: one.at for one in run.told}
    assert at["pods"] - at["services"] > 0.9e9


def test_who_answers_never_is_given_up(api, tmp_path):
    api.refusals.append(Refusal(500, times=10_000))
    patience = type(HASTY)(first=0.001, most=0.001, tries=3)
    with watching(api, tmp_path, once=True, patience=patience) as run:
        wait_for(lambda: run.error is not None)
    assert isinstance(run.error, NetpolError)
    assert "500 try again" in str(run.error)


def test_credentials_that_are_not_accepted(api, tmp_path):
    api.token = "right"
    file = api.kubeconfig(tmp_path / "kubeconfig")
    file.write_text(file.read_text().replace("right", "wrong"))
    with pytest.raises(NetpolError, match="401 Unauthorized"):
        read_cluster(print, kubeconfig=str(file))


def test_a_token_is_sent(api, tmp_path):
    api.token = "right"
    small_cluster(api)
    assert len(live(api, tmp_path)[0].pods) == 2


def test_broken_answers_are_no_traceback(api, tmp_path):
    api.refusals.append(Refusal(200, times=10_000, body=b"{"))
    patience = type(HASTY)(first=0.001, most=0.001, tries=3)
    with watching(api, tmp_path, once=True, patience=patience) as run:
        wait_for(lambda: run.error is not None)
    assert "does not answer" in str(run.error)


def test_an_object_that_is_none_is_told_and_the_rest_read(api, tmp_path):
    small_cluster(api)
    api.apply(pod("odd") | {"spec": "text"})
    found, notices = live(api, tmp_path)
    assert len(found.pods) == 2
    assert [(n.code, n.where) for n in notices] == [("NP080", "pods shop/odd")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "cannot be read"),
        ("", "cannot be read"),
        ('{"clusters": 5}', "cannot be read"),
        ('{"contexts": [], "current-context": "x"}', "cannot be read"),
    ],
)
def test_kubeconfigs_that_are_none(tmp_path, text, message):
    file = tmp_path / "kubeconfig"
    file.write_text(text)
    with pytest.raises(NetpolError, match=message):
        connect(str(file), None, print)


def test_no_kubeconfig_at_all(tmp_path, monkeypatch):
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "nowhere"))
    with pytest.raises(NetpolError, match="no such file"):
        connect(None, None, print)


def test_in_a_cluster_without_its_token(tmp_path, monkeypatch):
    if Path(SERVICE_TOKEN_FILENAME).exists():
        pytest.skip("this does run in a cluster")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "nowhere"))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    with pytest.raises(NetpolError, match="token file does not exist"):
        connect(None, None, print)


def test_nobody_listens(tmp_path):
    with ApiServer() as api:
        file = api.kubeconfig(tmp_path / "kubeconfig")
    patience = type(HASTY)(first=0.001, most=0.001, tries=2)
    cluster = connect(str(file), None, print)
    with (
        Watch(cluster, print, once=True, patience=patience) as watch,
        pytest.raises(NetpolError, match="does not answer"),
    ):
        list(watch.changes())


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """(certificate, key): its own authority, for 127.0.0.1."""
    if not shutil.which("openssl"):
        pytest.skip("needs openssl to make a certificate")
    place = tmp_path_factory.mktemp("tls")
    certificate, key = place / "tls.crt", place / "tls.key"
    subprocess.run(
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test"
        f" -addext subjectAltName=IP:127.0.0.1 -keyout {key} -out {certificate}".split(),
        check=True,
        capture_output=True,
    )
    return certificate, key


def test_tls_is_verified(certificates, tmp_path):
    with ApiServer(tls=certificates) as api:
        small_cluster(api)
        file = api.kubeconfig(tmp_path / "good", ca=certificates[0])
        assert len(read_cluster(print, kubeconfig=str(file)).pods) == 2
        bad = api.kubeconfig(tmp_path / "bad")
        with pytest.raises(NetpolError, match=r"(?i)certificate verify failed"):
            read_cluster(print, kubeconfig=str(bad))
        notices = []
        blind = api.kubeconfig(tmp_path / "blind", **{"insecure-skip-tls-verify": True})
        read_cluster(notices.append, kubeconfig=str(blind))
        assert [one.code for one in notices] == ["NP086"]


def test_events_over_tls_and_a_stop_amid_them(certificates, tmp_path):
    with ApiServer(tls=certificates) as api:
        file = api.kubeconfig(tmp_path / "kubeconfig", ca=certificates[0])
        cluster = connect(str(file), None, print)
        told = []
        with Watch(cluster, print, patience=HASTY) as watch:
            stream = watch.changes()
            api.apply(pod("a", "10.1.0.1"))
            while not any(one.name == ("shop", "a") for one in told):
                told += next(stream)
            watch.stop()
            for some in stream:
                told += some
        assert ("shop", "a") in inventory_of(told).pods
        assert not any(one.is_alive() for one in watch._threads)
