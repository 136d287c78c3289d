"""Make `docs/schemas/` from the types in `xw/shapes`: `make schemas`."""

import json
import shutil
from pathlib import Path
from typing import Any, Union

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from xw.shapes import mail, table

FOLDER = Path(__file__).parent.parent.parent / "docs" / "schemas"
DIALECT = GenerateJsonSchema.schema_dialect


class _Plain(GenerateJsonSchema):
    """Without a title for each key, which only repeats it."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Never."""
        return False


def made() -> dict[str, str]:
    """Each schema as a text, by its path below `docs/schemas/`."""
    commands = {
        f"commands/{name.replace(' ', '_')}.json": _of_command(name, shapes)
        for name, shapes in table.COMMANDS.items()
    }
    files = {f"files/{name}": _text(shape, name) for name, shape in table.FILES.items()}
    return commands | files


def _of_command(name: str, shapes: tuple[Any, ...]) -> str:
    what = "Each line" if name in table.LINES else "The object"
    return _text(Union[*shapes, mail.Error], f"xw {name}", f"{what} that `xw {name} --json` prints.")


def _text(shape: Any, title: str, description: str = "") -> str:
    found = TypeAdapter(shape).json_schema(schema_generator=_Plain)
    head = {"$schema": DIALECT, "title": title, "description": description or found["description"]}
    return json.dumps({**head, **found, **head}, indent=2, ensure_ascii=False) + "\n"


def write() -> None:
    """Replace the content of `docs/schemas/`."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    for path, text in made().items():
        file = FOLDER / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
