// Command promises writes the page of promises from what make torture has
// measured. Nothing on the page is typed by hand but the promises themselves; a
// promise that no run has shown says so.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"hotline/appliance/proof"
)

// promises are in the order of the page. Test names the short form for those
// that make test shows in full.
var promises = []struct{ key, words, test string }{
	{"kept", "What was acknowledged is kept: after a crash and after a power cut.", ""},
	{"restart", "A planned restart cuts nobody off; who is still there after a quarter of an hour hears why.", "TestAPlannedEndCutsNobodyOff, TestTheLastWordsAreHeard, TestASecondSignalCuts"},
	{"damage", "A damaged disk never gives a wrong record. The hotline starts from its newest good backup and says so.", "TestADamagedBoxStartsFromItsBackup"},
	{"restore", "A lost machine comes back on another one with everything up to the last minute.", "TestALostBoxComesBackWhole"},
	{"disk", "A full disk does not stop calls.", ""},
	{"packets", "No message ends the program.", "TestMalformedMessages, TestTortureMessages"},
	{"full", "Who cannot be taken is told so at once and is on record; supervisors get through.", "TestAFullHotline, TestReservedChannels, TestDangerIsHandedOverFromAFullHotline"},
	{"keys", "A key that is pressed counts once, however its packets arrive.", "TestEveryKeyCountsOnce"},
	{"dead", "A dead line frees itself, also one that is on hold.", "TestSilentLineEnds, TestUnconfirmedAnswerEndsTheCall, TestSilentSideIsFoundOnHold, TestSippSessionTimers"},
	{"flood", "Wanted: with as many calls as there may be, and 800 packets of strangers a second, no gap in the sound is longer than 200 ms. (The machine that measures plays the callers and the strangers, too: compare with the figures without the flood.)", ""},
	{"clock", "A clock that is set in the middle of calls harms none of them, and the records say how long they were.", ""},
	{"leak", "Nothing is left of calls that are over.", ""},
	{"day", "Half an hour of everything at once, with the load of a reference box: nobody is lost, every file is whole.", ""},
	{"strangers", "Strangers get nothing: no answer, no sound, no key.", "TestPeersOnly, TestForeignSoundIsDropped"},
	{"fraud", "No caller makes the hotline dial; what it may dial is a list, and nothing is on it to begin with.", "TestDialDeniedByDefault, TestDialRefused, TestChangesWithinACall, TestUnknownMethods"},
	{"guessing", "The PIN line allows at most 240 guesses a day, whoever they are for, and cannot be locked against somebody with a paper code.", "TestADayOfGuessing, TestTenWrongPINsAnHourLockTheLineForAll, TestALockKeepsTheLastSupervisorNotOut"},
	{"erased", "Who is erased is in no file of the box, and gone from the backups as soon as the next one counts; deleted sound within the hour.", "TestWhoIsErasedIsNowhere, TestScrubLeavesNothingOfWhatWasDeleted, TestWhatIsErasedGoesFromAllBackups, TestWhatIsDeletedGoesFromTheBackup"},
	{"log", "A log that somebody has changed is found out.", "TestTheLogProvesItself, TestAChangedLogIsFound"},
	{"roles", "Nobody reaches a page that is not for them.", "TestEveryRouteWithEveryRole"},
}

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "promises:", err)
		os.Exit(1)
	}
}

func run(args []string, w io.Writer) error {
	if len(args) != 1 {
		return fmt.Errorf("give the file that make torture has written")
	}
	f, err := os.Open(args[0])
	if err != nil {
		return err
	}
	defer f.Close()
	shown := map[string][]proof.Result{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var r proof.Result
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return fmt.Errorf("%s: %w", args[0], err)
		}
		shown[r.Promise] = append(shown[r.Promise], r)
	}
	return page(w, shown)
}

// page writes the page.
func page(w io.Writer, shown map[string][]proof.Result) error {
	known := map[string]bool{}
	out := bufio.NewWriter(w)
	fmt.Fprint(out, "<!-- Made by make torture. Do not edit. -->\n# What is promised, and what was measured\n\n"+
		"Each promise is shown by tests that can fail: beside each figure stands how that was seen. Repeat it with `make torture`.\n")
	for _, p := range promises {
		known[p.key] = true
		fmt.Fprintf(out, "\n## %s\n\n", p.words)
		for _, r := range shown[p.key] {
			fmt.Fprintf(out, "- %s.\n  Control: %s. (`%s`)\n", r.Figure, r.Control, r.Test)
		}
		switch {
		case p.test != "":
			fmt.Fprintf(out, "- Shown in every run of `make test` by `%s`.\n", p.test)
		case len(shown[p.key]) == 0:
			fmt.Fprint(out, "- Not measured in this run.\n")
		}
	}
	for key := range shown {
		if !known[key] {
			return fmt.Errorf("a test shows %q, which is no promise", key)
		}
	}
	return out.Flush()
}
