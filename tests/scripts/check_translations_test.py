# SPDX-License-Identifier: Apache-2.0
import unittest

from script import TreeTest, load

check_translations = load("check_translations")

ENGLISH = """# Serving

[中文](zh/page.md)

Reads `--host` and 16 MiB, see [below](#limits) and [notes](notes.md#second).

```
serve MODEL   # starts
```

## Limits

- `--max`: 5,000 rows
- none

| a | b |
| --- | --- |
| `x \\| y` | 1 |
"""
CHINESE = """# 服务

[English](../page.md)

读取 16 MiB 和 `--host`，见[说明](../notes.md#second)和[下文](#限额)。

```
serve MODEL   # 启动
```

## 限额

- `--max`：5000 行
- 无

| 甲 | 乙 |
| --- | --- |
| `x \\| y` | 1 |
"""


class CheckTranslations(TreeTest):
    def setUp(self):
        super().setUp()
        self.write("docs/notes.md", "# Notes\n\n## Second\n")
        self.write("docs/page.md", ENGLISH)
        self.write("docs/zh/page.md", CHINESE)

    def found(self, *change):
        """What is found once the Chinese page has changed so."""
        check_translations.read_page.cache_clear()
        self.write("docs/zh/page.md", CHINESE.replace(*change) if change else CHINESE)
        return list(check_translations.offences(self.root))

    def expect_one(self, change, *words):
        found = self.found(*change)
        self.assertEqual(len(found), 1, found)
        for word in words:
            self.assertIn(word, found[0])

    def test_words_comments_and_the_order_within_a_section_are_free(self):
        self.assertEqual(self.found(), [])

    def test_another_heading_level_is_found(self):
        self.expect_one(("## 限额", "### 限额"), "docs/zh/page.md:11: heading", "expected '## Limits' (docs/page.md:11)")

    def test_another_command_is_found_at_its_line(self):
        self.expect_one(("serve MODEL", "serve 模型"), "docs/zh/page.md:8: fenced block", "docs/page.md:8")

    def test_a_lost_comment_and_a_longer_block_are_found(self):
        self.expect_one(("   # 启动", ""), "docs/zh/page.md:8: fenced block")
        self.expect_one(("# 启动\n", "# 启动\nserve\n"), "docs/zh/page.md:9: fenced block", "got 'serve'")

    def test_rows_columns_and_items_are_counted(self):
        self.expect_one(("| `x \\| y` | 1 |", "| `x \\| y` | 1 | |"), "docs/zh/page.md:18: columns", "expected 2")
        self.expect_one(("| --- | --- |\n", "| --- | --- |\n| | |\n"), "docs/zh/page.md:16: rows", "expected 3")
        self.expect_one(("- 无\n", ""), "docs/zh/page.md:11: list items", "expected 2")

    def test_code_spans_go_by_section(self):
        self.expect_one(("`--max`：", "行数 "), "docs/zh/page.md:11: code span", "expected `--max`", "docs/page.md:13")
        self.expect_one(("- 无", "- `无`"), "docs/zh/page.md:14: code span", "got `无`")

    def test_a_number_that_changed_is_found(self):
        self.expect_one(("5000", "500"), "docs/zh/page.md:11: number", "expected 5000")

    def test_links_lead_to_what_the_english_ones_do(self):
        found = self.found("[说明](../notes.md#second)", "[说明](../notes.md)")
        self.assertIn("expected docs/notes.md#second", found[0])
        self.expect_one(("[English](../page.md)\n", ""), "expected docs/page.md below the title")

    def test_dead_links_are_found_on_every_page(self):
        self.write("README.md", "See [page](docs/page.md#none) and [that](gone.md), `[this](too.md)`.\n")
        self.assertEqual([line.split(";")[0] for line in self.found()],
                         ["README.md:1: link: expected a heading of docs/page.md, got #none",
                          "README.md:1: link: expected a file of the tree, got gone.md, which is not there"])

    def test_a_page_without_its_english_one_is_found(self):
        self.write("docs/zh/old.md", "# 旧\n")
        self.assertIn("docs/zh/old.md:1: expected docs/old.md", self.found()[0])


if __name__ == "__main__":
    unittest.main()
