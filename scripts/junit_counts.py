"""Prints "passed failed skipped" of a JUnit XML file."""

import sys
import xml.etree.ElementTree as ElementTree

passed = failed = skipped = 0
for case in ElementTree.parse(sys.argv[1]).iter("testcase"):
    # ctest: a status attribute; pytest: a child element. A skipped test has both in ctest.
    if case.find("skipped") is not None or case.get("status") in ("notrun", "disabled"):
        skipped += 1
    elif case.find("failure") is not None or case.find("error") is not None or case.get("status") == "fail":
        failed += 1
    else:
        passed += 1
print(passed, failed, skipped)
