"""A real S3-compatible server for tests, within their process, and a client of its own to look into it."""

from __future__ import annotations

from moto.moto_server.threaded_moto_server import ThreadedMotoServer
from pyarrow import fs as arrow_files


class ObjectStore:
    """The server, on a port of its own; it takes any keys.

    Attributes:
        endpoint: Its address, `http://host:port`.
        files: The client.
    """

    access_key = "AKIATEST"
    secret_key = "not a secret"

    def __init__(self) -> None:
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self._server.start()
        host, port = self._server.get_host_and_port()
        self.endpoint = f"http://{host}:{port}"
        self.files = arrow_files.S3FileSystem(
            access_key=self.access_key,
            secret_key=self.secret_key,
            region="us-east-1",
            scheme="http",
            endpoint_override=f"{host}:{port}",
            allow_bucket_creation=True,
            allow_bucket_deletion=True,
        )

    def put(self, path: str, content: bytes) -> None:
        with self.files.open_output_stream(path) as stream:
            stream.write(content)

    def get(self, path: str) -> bytes:
        with self.files.open_input_stream(path) as stream:
            return bytes(stream.read())

    def keys(self, folder: str) -> list[str]:
        found = self.files.get_file_info(arrow_files.FileSelector(folder, allow_not_found=True, recursive=True))
        return [info.path for info in found if info.type is arrow_files.FileType.File]

    def end(self) -> None:
        self._server.stop()
