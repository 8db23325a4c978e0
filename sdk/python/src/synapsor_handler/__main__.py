"""``python -m synapsor_handler ddl postgres`` prints what an administrator runs once."""

from __future__ import annotations

import argparse
import sys

from .ddl import RECEIPTS, ddl


def main() -> None:
    """Prints the statements."""
    parser = argparse.ArgumentParser(prog="python -m synapsor_handler")
    commands = parser.add_subparsers(required=True)
    printer = commands.add_parser("ddl", help="print the statements that make the receipt table and the outbox")
    printer.add_argument("engine", choices=["postgres", "mysql", "sqlite"])
    printer.add_argument("--schema")
    printer.add_argument("--table", default=RECEIPTS)
    args = parser.parse_args()
    sys.stdout.write(ddl(args.engine, args.schema, args.table))


main()
