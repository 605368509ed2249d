// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { parseTemplate, renderTemplate } from "./template.ts";

const FIELDS = ["ID", "Status", "Label"];
const value = (field: string, argument?: string) =>
  argument ? `${field}=${argument}` : `<${field}>`;
const render = (text: string) => renderTemplate(parseTemplate(text, FIELDS), value);

Deno.test("renderTemplate: fields of a template are replaced, in any case of their letters", () => {
  assert.equal(render("{{.ID}} is {{ .status }}!"), "<ID> is <Status>!");
  assert.equal(render('{{.Label "a b"}}\\t{{json .ID}}'), 'Label=a b\t"<ID>"');
});

Deno.test("parseTemplate: names alone make a table, and so does the word before a template", () => {
  assert.deepEqual([parseTemplate("id, status", FIELDS).table, render("id,status")], [
    true,
    "<ID>\t<Status>",
  ]);
  assert.equal(parseTemplate("table {{.ID}}", FIELDS).table, true);
  assert.equal(parseTemplate("{{.ID}}", FIELDS).table, false);
});

Deno.test("parseTemplate: what is no template says so", () => {
  for (const bad of ["{{.Nope}}", "{{range .ID}}", "{{}}", "nope", '{{.ID | printf "x"}}']) {
    assert.throws(() => parseTemplate(bad, FIELDS), SyntaxError, bad);
  }
});
