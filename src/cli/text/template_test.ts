// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { parseTemplate } from "./template.ts";
import { renderTemplate } from "./template_render.ts";

const FIELDS = ["ID", "Status", "Label"];
const ROW = {
  ID: () => "<ID>",
  Status: () => "<Status>",
  Label: (argument?: string) => `Label=${argument}`,
};
const rules = { fields: FIELDS, columns: true };
const render = (text: string) => renderTemplate(parseTemplate(text, rules), ROW);

const STATE = {
  id: "web",
  status: "running",
  exitStatus: 0,
  labels: { tier: "front", "a.b": "dotted" },
  network: { interfaces: [{ name: "eth0", ips: ["10.0.0.2"] }, { name: "eth1", ips: [] }] },
};
const show = (text: string) => renderTemplate(parseTemplate(text), STATE);

Deno.test("renderTemplate: fields of a template are replaced, in any case of their letters", () => {
  assert.equal(render("{{.ID}} is {{ .status }}!"), "<ID> is <Status>!");
  assert.equal(render('{{.Label "a b"}}\\t{{json .ID}}'), 'Label=a b\t"<ID>"');
});

Deno.test("renderTemplate: members of members, lists and keys that are no names are found", () => {
  assert.equal(
    show("{{.ID}} {{.Labels.tier}} {{.network.interfaces}}"),
    [
      "web front ",
      '[{"name":"eth0","ips":["10.0.0.2"]},{"name":"eth1","ips":[]}]',
    ].join(""),
  );
  assert.equal(
    show('{{index .labels "a.b"}}|{{index .labels "none"}}|{{.labels.none}}'),
    [
      "dotted||<no value>",
    ].join(""),
  );
  assert.equal(show("{{(index .network.interfaces 0).name}}"), "eth0");
  assert.equal(show("{{json .labels}}"), '{"tier":"front","a.b":"dotted"}');
  assert.equal(show("{{.labels | json | len}}"), "31");
  assert.throws(() => show("{{.id.nope}}"), TypeError);
  assert.throws(() => show("{{index .network.interfaces 7}}"), TypeError);
});

Deno.test("renderTemplate: and gives the first that is false, or the last", () => {
  assert.equal(show("{{if and .none .id}}yes{{else}}no{{end}}"), "no");
  assert.equal(show("{{and .id .none .status}}"), "<no value>");
  assert.equal(show("{{and .id .exitStatus .none}} {{and .id .status}}"), "0 running");
  assert.equal(show("{{or .none .id}} {{or .none .exitStatus}}"), "web 0");
});

Deno.test("renderTemplate: if, range and with do as Go's do", () => {
  const names = '{{range .network.interfaces}}{{.name}}={{join .ips ","}};{{end}}';
  assert.equal(show(names), "eth0=10.0.0.2;eth1=;");
  assert.equal(show("{{range .network.interfaces}}{{println .name}}{{end}}"), "eth0\neth1\n");
  assert.equal(show("{{if .exitStatus}}failed{{else}}fine{{end}}"), "fine");
  const chain = '{{if eq .status "paused"}}p{{else if eq .status "running"}}r{{else}}x{{end}}';
  assert.equal(show(chain), "r");
  assert.equal(show("{{with .labels}}{{.tier}}{{end}}{{with .none}}never{{end}}"), "front");
  assert.equal(show("a {{- .id -}} b"), "awebb");
  assert.equal(show("{{range .labels}}{{.}} {{else}}none{{end}}"), "front dotted ");
  assert.equal(show("{{range .none}}{{.}}{{else}}none{{end}}"), "none");
});

Deno.test("renderTemplate: no function of a row is printed", () => {
  assert.throws(() => render("{{range .}}{{.}}{{end}}"), TypeError);
  assert.throws(() => render('{{index . "ID"}}'), TypeError);
  assert.throws(() => render("{{.ID.x}}"), TypeError);
});

Deno.test("parseTemplate: names alone make a table, and so does the word before a template", () => {
  assert.deepEqual([parseTemplate("id, status", rules).table, render("id,status")], [
    true,
    "<ID>\t<Status>",
  ]);
  assert.equal(parseTemplate("table {{.ID}}", rules).table, true);
  assert.equal(parseTemplate("{{.ID}}", rules).table, false);
});

Deno.test("parseTemplate: a block has at most one else, and ends with end alone", () => {
  assert.equal(show("{{if .none}}a{{ else  if .id }}b{{ else }}c{{ end }}"), "b");
  const ends = ["{{end x}}", "{{end.id}}", "{{else}}{{else}}{{end}}", "{{else x}}{{end}}"];
  const elses = [
    "{{else if}}{{end}}",
    "{{else with .id}}{{end}}",
    "{{else}}{{else if .id}}{{end}}",
  ];
  for (const rest of [...ends, ...elses, "{{else ifx .id}}{{end}}", "{{else}}"]) {
    assert.throws(() => show(`{{if .id}}a${rest}`), SyntaxError, rest);
  }
});

Deno.test("parseTemplate: a name of docker's says what to take in place of it", () => {
  const named = { instead: { State: "take .status" } };
  for (const text of ["{{.State.Running}}", "{{json .State}}", "{{if .id}}{{.State}}{{end}}"]) {
    assert.throws(
      () => parseTemplate(text, named),
      /"State" as docker has it: take \.status/,
      text,
    );
  }
  parseTemplate("{{.status}}{{with .network}}{{.State}}{{end}}", named);
});

Deno.test("parseTemplate: what is no template says so", () => {
  for (
    const bad of ["{{.Nope}}", "{{for .ID}}", "{{}}", "nope", '{{.ID | printf "x"}}', "id,,id"]
  ) {
    assert.throws(() => parseTemplate(bad, rules), SyntaxError, bad);
  }
  const bads = ["{{.a", ".a}}", "{{if .a}}", "{{end}}", "{{.a..b}}", "{{json}}", "{{(.a}}", "id"];
  for (const bad of [...bads, '{{index .a "b}}', "{{.a)}}", "{{$x}}", "{{if}}x{{end}}"]) {
    assert.throws(() => parseTemplate(bad), SyntaxError, bad);
  }
});
