package lists_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"hotline/appliance/lists"
	"hotline/appliance/store/storetest"
)

// readForm reads a form as KoboToolbox and ODK do, by the rules of XLSForm and
// with nothing of this program: sheets and columns by name, every choice of a
// list that is there, every reference to a question that stands before.
const readForm = `
import re, sys, zipfile, xml.etree.ElementTree as ET
main = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
rel = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
book = zipfile.ZipFile(sys.argv[1])
assert book.testzip() is None
targets = {r.get("Id"): r.get("Target") for r in ET.fromstring(book.read("xl/_rels/workbook.xml.rels"))}
def read(sheet):
    rows = []
    for row in ET.fromstring(book.read("xl/" + targets[sheet.get(rel + "id")])).iter(main + "row"):
        cells = {}
        for c in row.iter(main + "c"):
            cells[re.sub("[0-9]", "", c.get("r"))] = "".join(t.text or "" for t in c.iter(main + "t"))
        rows.append(cells)
    head = rows[0]
    assert len(set(head.values())) == len(head), "two columns have one name"
    return [{head[k]: v for k, v in r.items() if v} for r in rows[1:]], list(head.values())
sheets = {s.get("name"): read(s) for s in ET.fromstring(book.read("xl/workbook.xml")).iter(main + "sheet")}
assert set(sheets) == {"survey", "choices", "settings"}, sheets.keys()
survey, heads = sheets["survey"]
choices, choiceHeads = sheets["choices"]
settings, _ = sheets["settings"]
languages = [h[len("label::"):] for h in heads if h.startswith("label::")]
assert len(languages) == 6 and all(re.fullmatch(r".+ \([a-z]{2}\)", l) for l in languages), languages
assert [h[len("label::"):] for h in choiceHeads if h.startswith("label::")] == languages
assert len(settings) == 1 and settings[0]["default_language"] in languages and re.fullmatch(r"[a-z_]+", settings[0]["form_id"])
name = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
offered = {}
for c in choices:
    assert " " not in c["name"] and name.fullmatch(c["list_name"]), c
    assert c["name"] not in offered.setdefault(c["list_name"], []), "%s twice" % c
    assert all(c["label::" + l] for l in languages), c
    offered[c["list_name"]].append(c["name"])
before = []
for q in survey:
    kind = q["type"].split(" ")
    assert kind[0] in ("text", "integer", "date", "note", "select_one", "select_multiple"), q
    assert (len(kind) == 2) == kind[0].startswith("select"), q
    if len(kind) == 2:
        assert offered.get(kind[1]), "%s chooses from nothing" % q
        if kind[0] == "select_multiple":
            assert not any(" " in c for c in offered[kind[1]])
    assert name.fullmatch(q["name"]) and q["name"] not in before, q
    assert all(q["label::" + l] for l in languages), q
    for used in re.findall(r"\$\{(.*?)\}", " ".join(q.values())):
        assert used in before, "%s asks for %s, which comes later" % (q["name"], used)
    assert q.get("required", "yes") == "yes"
    before.append(q["name"])
for q in survey:
    print(q["type"], q["name"], q.get("required", "-"), q.get("relevant", "-"), q["label::Español (es)"], sep="|")
for k, v in offered.items():
    print("list", k, ",".join(v), sep="|")
`

// The case form opens in other programs, with what operators have made of it.
func TestTheCaseFormAsXLSForm(t *testing.T) {
	k := open(t, storetest.Open(t))
	name, err := k.AddQuestion(t.Context(), lists.NewQuestion{Kind: lists.Several, Words: lists.Words{"en": "What ${name} is broken?", "es": "¿Qué está roto?"}, Must: true,
		Choices: []lists.Words{{"en": "Roof"}, {"en": "Door", "es": "Puerta"}, {"en": "Wall"}}}, ana)
	ok(t, err)
	ok(t, k.SwitchChoice(t.Context(), name, "wall", false, ana))
	ok(t, k.SwitchQuestion(t.Context(), "landmark", false, ana))
	path := filepath.Join(t.TempDir(), "form.xlsx")
	file, err := os.Create(path)
	ok(t, err)
	n, err := k.Now().WriteXLSForm(file, "Flood & fire <2026>")
	ok(t, err)
	ok(t, file.Close())
	out, err := exec.CommandContext(t.Context(), "python3", "-c", readForm, path).CombinedOutput()
	if err != nil {
		t.Fatalf("it cannot be read: %v\n%s", err, out)
	}
	got := string(out)
	for _, want := range []string{"select_one danger_now|danger_now|yes|-|", "select_one yes_no|child_alone|-|${urgent_need} = 'yes'|", "integer|people_total|yes|${talk_freely} != 'specialist'|",
		"select_multiple needs|more_needs|-|", "select_multiple " + name + "|" + name + "|yes|${talk_freely} != 'specialist'|¿Qué está roto?", "list|" + name + "|roof,door\n", "list|talk_freely|fine,specialist\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in the form:\n%s", want, got)
		}
	}
	if strings.Contains(got, "|landmark|") || n == 0 {
		t.Errorf("a question that is not asked is in it:\n%s", got)
	}
}
