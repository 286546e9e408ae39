"""The registry for tests, over plain HTTP."""

from __future__ import annotations

import hashlib
import json
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from bakex.model.media_types import OCI_CONFIG, OCI_INDEX, OCI_MANIFEST
from bakex.testing.registry import Access, FakeRegistry, Fault, RegistryAuth, main

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LAYER = "application/vnd.oci.image.layer.v1.tar"
BLOB = b"hello, blob"


def digest(data: bytes, algorithm: str = "sha256") -> str:
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with FakeRegistry() as found:
        yield found


@pytest.fixture
def web(registry: FakeRegistry) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://{registry.host}", trust_env=False) as client:
        yield client


def push_blob(web: httpx.Client, data: bytes, repository: str = "app") -> str:
    location = web.post(f"/v2/{repository}/blobs/uploads/").headers["location"]
    answer = web.put(location, params={"digest": digest(data)}, content=data)
    assert answer.status_code == 201
    return digest(data)


def manifest(web: httpx.Client, **changes: Any) -> bytes:
    config = b"{}"
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {"mediaType": OCI_CONFIG, "digest": push_blob(web, config), "size": 2},
        "layers": [{"mediaType": LAYER, "digest": push_blob(web, BLOB), "size": len(BLOB)}],
        **changes,
    }
    return json.dumps(document).encode()


def put(
    web: httpx.Client, raw: bytes, reference: str = "1", kind: str = OCI_MANIFEST
) -> httpx.Response:
    path = f"/v2/app/manifests/{reference}"
    return web.put(path, content=raw, headers={"Content-Type": kind})


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["errors"][0]["code"]


def test_it_is_a_registry(web: httpx.Client) -> None:
    answer = web.get("/v2/")
    assert (answer.status_code, answer.json()) == (200, {})


def test_a_blob_comes_back(web: httpx.Client) -> None:
    name = push_blob(web, BLOB)
    assert web.get(f"/v2/app/blobs/{name}").content == BLOB
    head = web.head(f"/v2/app/blobs/{name}")
    assert head.headers["content-length"] == str(len(BLOB))
    assert head.headers["docker-content-digest"] == name
    assert code(web.get(f"/v2/other/blobs/{name}")) == (404, "BLOB_UNKNOWN")


@pytest.mark.parametrize(
    ("asked", "status", "content"),
    [
        ("bytes=0-4", 206, b"hello"),
        ("bytes=7-", 206, b"blob"),
        ("bytes=7-99", 206, b"blob"),
        ("lines=1-2", 200, BLOB),
    ],
)
def test_ranges(web: httpx.Client, asked: str, status: int, content: bytes) -> None:
    answer = web.get(f"/v2/app/blobs/{push_blob(web, BLOB)}", headers={"Range": asked})
    assert (answer.status_code, answer.content) == (status, content)


def test_a_range_behind_the_end(web: httpx.Client) -> None:
    answer = web.get(f"/v2/app/blobs/{push_blob(web, BLOB)}", headers={"Range": "bytes=11-"})
    assert code(answer) == (416, "RANGE_INVALID")


def test_chunks_must_follow_one_another(web: httpx.Client) -> None:
    location = web.post("/v2/app/blobs/uploads/").headers["location"]
    first = web.patch(location, content=BLOB[:5], headers={"Content-Range": "0-4"})
    assert (first.status_code, first.headers["range"]) == (202, "0-4")
    again = web.patch(location, content=BLOB[:5], headers={"Content-Range": "0-4"})
    assert (again.status_code, again.headers["range"]) == (416, "0-4")
    bad = web.patch(location, content=b"x", headers={"Content-Range": "nonsense"})
    assert bad.status_code == 416
    state = web.get(location)
    assert (state.status_code, state.headers["range"]) == (204, "0-4")
    last = web.put(
        location,
        params={"digest": digest(BLOB)},
        content=BLOB[5:],
        headers={"Content-Range": f"5-{len(BLOB) - 1}"},
    )
    assert last.status_code == 201


def test_bodies_without_a_length(web: httpx.Client) -> None:
    location = web.post("/v2/app/blobs/uploads/").headers["location"]
    web.patch(location, content=iter([BLOB[:3], BLOB[3:]]))
    assert web.put(location, params={"digest": digest(BLOB)}).status_code == 201


def test_a_blob_in_one_request(web: httpx.Client) -> None:
    for algorithm in ("sha256", "sha512"):
        name = digest(BLOB, algorithm)
        answer = web.post("/v2/app/blobs/uploads/", params={"digest": name}, content=BLOB)
        assert answer.status_code == 201
        assert web.get(f"/v2/app/blobs/{name}").content == BLOB


def test_wrong_content_is_refused_and_the_session_is_over(web: httpx.Client) -> None:
    for name in (digest(b"other"), "nonsense"):
        location = web.post("/v2/app/blobs/uploads/").headers["location"]
        answer = web.put(location, params={"digest": name}, content=BLOB)
        assert code(answer) == (400, "DIGEST_INVALID")
        assert code(web.get(location)) == (404, "BLOB_UPLOAD_UNKNOWN")


def test_an_upload_can_be_given_up(web: httpx.Client) -> None:
    location = web.post("/v2/app/blobs/uploads/").headers["location"]
    assert web.delete(location).status_code == 204
    assert web.delete(location).status_code == 404
    assert web.post(location).status_code == 405


def test_a_blob_is_mounted_from_where_it_is(web: httpx.Client) -> None:
    name = push_blob(web, BLOB)
    answer = web.post("/v2/other/blobs/uploads/", params={"mount": name, "from": "app"})
    assert answer.status_code == 201
    assert web.get(f"/v2/other/blobs/{name}").content == BLOB
    for query in ({"mount": name, "from": "none"}, {"mount": name}, {"mount": "x", "from": "app"}):
        assert web.post("/v2/third/blobs/uploads/", params=query).status_code == 202


def test_a_manifest_comes_back_by_tag_and_digest(web: httpx.Client) -> None:
    raw = manifest(web)
    answer = put(web, raw)
    assert (answer.status_code, answer.headers["docker-content-digest"]) == (201, digest(raw))
    for reference in ("1", digest(raw)):
        found = web.get(f"/v2/app/manifests/{reference}")
        assert (found.content, found.headers["content-type"]) == (raw, OCI_MANIFEST)
    assert put(web, raw, digest(raw, "sha512")).status_code == 201
    wrong = web.get("/v2/app/manifests/1", headers={"Accept": OCI_INDEX})
    assert code(wrong) == (404, "MANIFEST_UNKNOWN")
    assert code(web.get("/v2/app/manifests/none")) == (404, "MANIFEST_UNKNOWN")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"mediaType": OCI_INDEX}, (400, "MANIFEST_INVALID")),
        ({"schemaVersion": 1}, (400, "MANIFEST_INVALID")),
        ({"config": {"digest": "x"}}, (400, "MANIFEST_INVALID")),
        ({"layers": [{"mediaType": "x", "digest": "x", "size": 1}]}, (400, "MANIFEST_INVALID")),
        (
            {"layers": [{"mediaType": LAYER, "digest": digest(BLOB), "size": 1}]},
            (400, "MANIFEST_INVALID"),
        ),
        (
            {"layers": [{"mediaType": LAYER, "digest": digest(b"no"), "size": 2}]},
            (400, "MANIFEST_BLOB_UNKNOWN"),
        ),
    ],
)
def test_unsound_manifests_are_refused(
    web: httpx.Client, changes: dict[str, Any], expected: tuple[int, str]
) -> None:
    assert code(put(web, manifest(web, **changes))) == expected


def test_other_documents_are_refused(web: httpx.Client) -> None:
    assert code(put(web, b"nonsense")) == (400, "MANIFEST_INVALID")
    assert code(put(web, b"[]")) == (400, "MANIFEST_INVALID")
    assert code(put(web, b'{"schemaVersion":2,"layers":[]}', kind="text/plain")) == (
        400,
        "MANIFEST_INVALID",
    )
    assert code(put(web, bytes(5 << 20))) == (413, "SIZE_INVALID")
    assert code(put(web, manifest(web), digest(b"other"))) == (400, "DIGEST_INVALID")


def test_an_index_needs_its_manifests(web: httpx.Client) -> None:
    raw = manifest(web)
    entry = {"mediaType": OCI_MANIFEST, "digest": digest(raw), "size": len(raw)}
    index = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]}).encode()
    assert code(put(web, index, kind=OCI_INDEX)) == (400, "MANIFEST_BLOB_UNKNOWN")
    put(web, raw, digest(raw))
    assert put(web, index, kind=OCI_INDEX).status_code == 201


def test_foreign_layers_need_not_be_there(web: httpx.Client) -> None:
    layer = {
        "mediaType": "application/vnd.oci.image.layer.nondistributable.v1.tar",
        "digest": digest(b"far away"),
        "size": 8,
        "urls": ["https://example.com/"],
    }
    assert put(web, manifest(web, layers=[layer])).status_code == 201


def test_tags_are_listed_in_pages(web: httpx.Client) -> None:
    raw = manifest(web)
    for tag in ("c", "a", "b"):
        put(web, raw, tag)
    assert web.get("/v2/app/tags/list").json() == {"name": "app", "tags": ["a", "b", "c"]}
    page = web.get("/v2/app/tags/list", params={"n": 2})
    assert page.json()["tags"] == ["a", "b"]
    assert page.links["next"]["url"] == "/v2/app/tags/list?n=2&last=b"
    assert web.get(page.links["next"]["url"]).json()["tags"] == ["c"]
    assert web.get("/v2/_catalog").json() == {"repositories": ["app"]}
    assert code(web.get("/v2/none/tags/list")) == (404, "NAME_UNKNOWN")


def test_deleting_a_tag_leaves_the_manifest_and_the_other_way_round_not(
    web: httpx.Client,
) -> None:
    raw = manifest(web)
    put(web, raw, "a")
    put(web, raw, "b")
    other = manifest(web, annotations={"x": "y"})
    put(web, other, "c")
    assert web.delete("/v2/app/manifests/a").status_code == 202
    assert web.get("/v2/app/tags/list").json()["tags"] == ["b", "c"]
    assert web.delete(f"/v2/app/manifests/{digest(raw)}").status_code == 202
    assert web.get("/v2/app/tags/list").json()["tags"] == ["c"]
    assert web.delete("/v2/app/manifests/a").status_code == 404


def test_referrers_are_found_by_their_subject(web: httpx.Client) -> None:
    raw = manifest(web)
    put(web, raw)
    subject = {"mediaType": OCI_MANIFEST, "digest": digest(raw), "size": len(raw)}
    referrer = manifest(web, subject=subject, artifactType="a/b", annotations={"x": "y"})
    answer = put(web, referrer, digest(referrer))
    assert answer.headers["oci-subject"] == digest(raw)
    found = web.get(f"/v2/app/referrers/{digest(raw)}")
    assert found.headers["content-type"] == OCI_INDEX
    [entry] = found.json()["manifests"]
    assert (entry["digest"], entry["artifactType"]) == (digest(referrer), "a/b")
    assert entry["annotations"] == {"x": "y"}
    assert web.get(f"/v2/none/referrers/{digest(raw)}").json()["manifests"] == []


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v2/UPPER/tags/list",
        "/v2/app/blobs/sha256:../../x",
        "/v2/app/manifests/-x",
        "/v2/../x/tags/list",
        "/v2/app/blobs/uploads/../../x",
    ],
)
def test_other_paths_do_not_exist(web: httpx.Client, path: str) -> None:
    assert code(web.get(path)) == (404, "NAME_INVALID")


def test_other_methods_do_not_exist(web: httpx.Client) -> None:
    name = push_blob(web, BLOB)
    for method, path in (
        ("PUT", f"/v2/app/blobs/{name}"),
        ("GET", "/v2/app/blobs/uploads/"),
        ("POST", "/v2/app/manifests/1"),
        ("DELETE", "/v2/app/tags/list"),
        ("POST", f"/v2/app/referrers/{name}"),
    ):
        assert code(web.request(method, path)) == (405, "UNSUPPORTED")
    assert web.get("/v2/").status_code == 200


def test_content_survives_a_restart(tmp_path: Path) -> None:
    with FakeRegistry(data=tmp_path) as one, httpx.Client(base_url=f"http://{one.host}") as web:
        raw = manifest(web)
        put(web, raw)
    with FakeRegistry(data=tmp_path) as two, httpx.Client(base_url=f"http://{two.host}") as web:
        assert web.get("/v2/app/manifests/1").content == raw


def test_basic_authentication() -> None:
    auth = RegistryAuth(access=Access.BASIC, users={"joe": "x"})
    with FakeRegistry(auth=auth) as registry:
        url = f"http://{registry.host}/v2/"
        assert httpx.get(url).headers["www-authenticate"] == 'Basic realm="registry"'
        assert httpx.get(url, auth=("joe", "x")).status_code == 200
        assert httpx.get(url, auth=("joe", "y")).status_code == 401
        assert httpx.get(url, auth=("jim", "x")).status_code == 401
        assert httpx.get(url, headers={"Authorization": "Basic !"}).status_code == 401
        assert [seen.authorization for seen in registry.log[:2]] == ["", "basic"]


def test_tokens_are_for_what_was_asked() -> None:
    auth = RegistryAuth(
        access=Access.TOKEN, users={"joe": "x"}, identities=frozenset({"id"}), anonymous_pull=True
    )
    with FakeRegistry(auth=auth) as registry:
        url, realm = f"http://{registry.host}/v2/", f"http://{registry.host}/token"
        assert httpx.get(url).headers["www-authenticate"] == (
            f'Bearer realm="{realm}",service="registry"'
        )
        scope = {"scope": "repository:app:pull,push"}

        def bearer(answer: httpx.Response) -> dict[str, str]:
            return {"Authorization": f"Bearer {answer.json()['token']}"}

        anonymous = bearer(httpx.get(realm, params=scope))
        refused = httpx.post(url + "app/blobs/uploads/", headers=anonymous)
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"].endswith(
            'scope="repository:app:pull,push",error="insufficient_scope"'
        )
        for answer in (
            httpx.get(realm, params=scope, auth=("joe", "x")),
            httpx.post(realm, data={"refresh_token": "id", **scope}),
        ):
            pushed = httpx.post(url + "app/blobs/uploads/", headers=bearer(answer))
            assert pushed.status_code == 202
            other = httpx.get(url + "other/tags/list", headers=bearer(answer))
            assert other.status_code == 401
        assert httpx.get(realm, params=scope, auth=("joe", "y")).status_code == 401
        assert auth.issued == ["repository:app:pull,push"] * 3
        auth.revoke()
        stale = httpx.get(url, headers=anonymous)
        assert 'error="invalid_token"' in stale.headers["www-authenticate"]


def test_without_anonymous_pull_everybody_needs_a_login() -> None:
    with FakeRegistry(auth=RegistryAuth(access=Access.TOKEN)) as registry:
        assert httpx.get(f"http://{registry.host}/token").status_code == 401


def test_faults_happen_as_often_as_they_should(registry: FakeRegistry, web: httpx.Client) -> None:
    registry.fail(
        Fault(match="GET /v2/$", status=503, body=b"busy", headers={"X-A": "1"}, skip=1, times=2)
    )
    statuses = [web.get("/v2/").status_code for _ in range(4)]
    assert statuses == [200, 503, 503, 200]
    done = [registry.is_done]
    registry.fail(Fault(match="GET", status=500))
    assert [*done, registry.is_done] == [True, False]
    registry.heal()
    assert web.get("/v2/").status_code == 200
    assert registry.requests("/v2/") == ["GET /v2/"] * 5


@pytest.mark.parametrize("reset", ["before", "after"])
def test_connections_are_dropped(registry: FakeRegistry, web: httpx.Client, reset: str) -> None:
    location = web.post("/v2/app/blobs/uploads/").headers["location"]
    registry.fail(Fault(match="PUT", reset=reset))
    with pytest.raises(httpx.TransportError):
        web.put(location, params={"digest": digest(BLOB)}, content=BLOB)
    assert registry.content.has_blob("app", digest(BLOB)) == (reset == "after")
    assert registry.log[-1].status == 0


def test_answers_are_damaged(registry: FakeRegistry, web: httpx.Client) -> None:
    name = push_blob(web, BLOB)
    registry.fail(
        Fault(match="GET", corrupt=True),
        Fault(match="GET", truncate=3),
        Fault(match="GET", headers={"Docker-Content-Digest": None, "X-Add": "1"}),
    )
    damaged = web.get(f"/v2/app/blobs/{name}").content
    assert damaged != BLOB
    assert damaged[1:] == BLOB[1:]
    with pytest.raises(httpx.RemoteProtocolError):
        web.get(f"/v2/app/blobs/{name}")
    headers = web.get(f"/v2/app/blobs/{name}").headers
    assert "docker-content-digest" not in headers
    assert headers["x-add"] == "1"


def test_requests_are_damaged(registry: FakeRegistry, web: httpx.Client) -> None:
    registry.fail(Fault(match="PUT", corrupt_request=True))
    location = web.post("/v2/app/blobs/uploads/").headers["location"]
    answer = web.put(location, params={"digest": digest(BLOB)}, content=BLOB)
    assert code(answer) == (400, "DIGEST_INVALID")


def test_tls_is_answered_in_plain_http(registry: FakeRegistry) -> None:
    host, _, port = registry.host.partition(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(b"\x16\x03\x01\x02\x00\x01")
        assert connection.recv(100).startswith(b"HTTP/1.1 400 ")


def test_stopping_ends_idle_connections() -> None:
    registry = FakeRegistry().start()
    with httpx.Client(base_url=f"http://{registry.host}") as web:
        web.get("/v2/")
        registry.stop()
        with pytest.raises(httpx.TransportError):
            web.get("/v2/")
    registry.stop()


def test_the_command_serves(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "bakex.testing.registry", "--port", "0", "--user", "joe:x"]
    with subprocess.Popen(
        [*argv, "--data", str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        host = process.stdout.readline().removeprefix("listening on ").strip()
        try:
            assert httpx.get(f"http://{host}/v2/").status_code == 401
            assert httpx.get(f"http://{host}/v2/", auth=("joe", "x")).status_code == 200
        finally:
            process.terminate()


def test_the_command_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "--port" in capsys.readouterr().out
