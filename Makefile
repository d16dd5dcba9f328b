# make demo    build and start a complete hotline on this machine
# make test    everything that must hold, with what it needs installed first

GO ?= go

.PHONY: build demo test check types pictures looks need generate prompts bench soak fuzz image forms packages boot clean

build:
	CGO_ENABLED=0 $(GO) build -trimpath -o hotline ./cmd/hotline

# DEMO=--lan lets other machines of the network in.
demo: build
	./hotline demo $(DEMO)

# The race detector needs a C compiler, the whole-product test a browser and a
# SIP tester.
# Listening to all prompts and playing all conversations takes the race detector
# minutes and shows it nothing more: those packages run twice.
# The two packages that mostly wait go first and side by side.
# Each step of a test has a limit of its own; the one of a package only ends
# what hangs, and must hold on a machine that has much else to do.
test: need check types
	$(GO) test ./ivr ./ivr/prompts
	$(GO) test -race -timeout 60m ./cmd/hotline ./ui ./...

need:
	@sh .ci/need gcc:gcc chromium:chromium sipp:sip-tester baresip:baresip espeak-ng:espeak-ng lame:lame python3:python3 7zz:7zip soffice:libreoffice-calc-nogui mkfs.vfat:dosfstools mkfs.exfat:exfatprogs mke2fs:e2fsprogs sfdisk:fdisk

check:
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo "not formatted:"; gofmt -l $$(git ls-files '*.go'); exit 1; }
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	$(GO) mod verify >/dev/null

# The bundler strips the types of the scripts without looking at them.
types:
	@sh .ci/need npx:npm
	npx -y -p typescript@7.0.2 tsc --noEmit -p ui/web/tsconfig.json

# The pictures of the README: pages of the gallery.
PICTURES = desk-ready desk-offer desk-call desk-notes floor wall cases case volunteers export health setup-5 invites-sheet
pictures:
	@sh .ci/need chromium:chromium
	rm -rf data/pictures && mkdir -p data/pictures ui/gallery/testdata
	LOOKS=pictures $(GO) test -count 1 -run "TestEveryPageLooksRight/^($$(echo $(PICTURES) call | tr ' ' '|'))$$" -artifacts -outputdir $(CURDIR)/data/pictures ./ui
	rm -f ui/gallery/testdata/*.png
	@for name in $(PICTURES); do find data/pictures -name "$$name-en-1366x768-light.png" -exec cp {} ui/gallery/testdata/$$name.png \; ; done
	@find data/pictures -name call-en-390x844-light.png -exec cp {} ui/gallery/testdata/call.png \;
	$(GO) run ./tools/palette ui/gallery/testdata/*.png

# Every page in every state, in English, Arabic and a language that is half as
# long again, light and dark, on a laptop and on a telephone: half an hour. The
# tests look at a part of this that goes round. LOOKS=pt make looks for another
# language; with pictures in a folder: make looks SHOTS="-artifacts -outputdir DIR".
looks:
	@sh .ci/need chromium:chromium
	LOOKS=$${LOOKS:-en,ar,ar-XB} $(GO) test -count 1 -timeout 120m -run TestEveryPageLooksRight $(SHOTS) ./ui

# Everything that is generated and committed: pages, bundled scripts and
# styles. Tests fail when one of them is stale.
generate:
	$(GO) run ./tools/assets

# Speaks the prompts whose text has changed.
prompts:
	@sh .ci/need espeak-ng:espeak-ng opusenc:opus-tools
	$(GO) run ./ivr/prompts/render

# What this machine carries, next to what is wanted; about ten minutes. Some of
# it: make bench BENCH="-parts setup,start"
bench: build
	$(GO) test -run '^$$' -bench . -benchtime 1s ./ivr ./triage ./triage/find ./triage/intake ./triage/simulate ./triage/reports ./appliance/store ./appliance/media ./appliance/export
	$(GO) run ./bench $(BENCH)

# Ten thousand calls through the finished program. Nothing may be left of them.
soak:
	SOAK_CALLS=10000 $(GO) test -run '^TestNothingIsLeftOfManyCalls$$' -timeout 60m -v ./cmd/hotline

# What this program promises when it is attacked, killed, cut off and full: the
# long forms of the tests, with loop devices for power cuts (as root), an
# hour. docs/promises.md is written from what they measured.
TORTURE = TestKillingLosesNoAcknowledgedRecord|TestPowerCutsLoseNoAcknowledgedRecord|TestBitFlipsNeverGiveAWrongRecord|TestDamagedPagesNeverGiveAWrongRecord|TestCallsAreWrittenDownOnAFullDisk|TestABackupSurvivesKilling|TestRestoringManyRecords|TestSpoiledMessagesNeverEndTheTrunk|TestAFloodOfStrangersIsNotHeard|TestKillingLeavesNoPartOfAnImport
# These have no longer form.
PROVED = TestEveryKeyCountsOnce|TestAChangedLogIsFound|TestForeignSoundIsDropped|TestDialDeniedByDefault|TestSilentLineEnds|TestADayOfGuessing|TestWhoIsErasedIsNowhere|TestEveryRouteWithEveryRole|TestAFullHotline|TestAPlannedEndCutsNobodyOff
.PHONY: torture promises
torture: need
	@rm -f out/promises.jsonl; mkdir -p out
	HOTLINE_PROOF=$(CURDIR)/out/promises.jsonl $(GO) test -tags torture -count=1 -timeout 60m -run '^($(TORTURE))$$' -v ./appliance/store ./appliance/backup ./appliance/trunk ./triage/intake
	HOTLINE_PROOF=$(CURDIR)/out/promises.jsonl SOAK_CALLS=10000 $(GO) test -count=1 -timeout 60m -run '^TestNothingIsLeftOfManyCalls$$|^TestTheBooksBalanceAfterKill9$$|^TestEverythingAtOnce$$|^TestTheClockIsSetDuringCalls$$' ./cmd/hotline
	HOTLINE_PROOF=$(CURDIR)/out/promises.jsonl $(GO) test -count=1 -run '^($(PROVED))$$' ./appliance/media ./appliance/store ./appliance/trunk ./volunteers/roster ./triage/privacy ./ui ./cmd/hotline
	$(MAKE) promises

promises:
	$(GO) run ./tools/promises out/promises.jsonl > docs/promises.md

# What the program is made of (CycloneDX), under which licences, whether two
# builds are the same, and, where VULNDB names a copy of the Go vulnerability
# database (file:///...), whether anything in it is known to be weak.
.PHONY: supply
supply: build
	@mkdir -p out
	$(GO) -C tools/supply tool cyclonedx-gomod bin -licenses -json -noserial -version "$$(./hotline version)" -output $(CURDIR)/out/hotline.cdx.json $(CURDIR)/hotline
	$(GO) run ./tools/licences <out/hotline.cdx.json >out/licences.txt
	tools/supply/reproducible
	@if [ -n "$(VULNDB)" ]; then $(GO) -C tools/supply tool govulncheck -db "$(VULNDB)" -mode binary $(CURDIR)/hotline; \
	else echo "VULNDB is not set: known weaknesses were not looked up."; fi

# Every fuzz target for a minute.
fuzz:
	@for pkg in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
			$(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime 1m -fuzzminimizetime 10x $$pkg || exit 1; \
		done; \
	done

# A disk that boots into the hotline; images/README.md.
image:
	@sh .ci/need mmdebstrap:mmdebstrap
	images/build out

# The same disk for other hypervisors.
forms:
	@sh .ci/need qemu-img:qemu-utils
	images/forms out

# For people who have a server already: a Debian package and a plain program,
# with what they are made of and checksums.
packages:
	images/packages/build out

# Switches such a disk on in an emulated machine, answers the first pages, sets its
# clock, rings it and answers, takes its power away under load (TRY="-cuts 100"),
# reads its disk as a thief would, looks whether everybody is on record, brings it a
# good and a broken update, and destroys its records. Under UEFI and with Secure
# Boot, as far as a hotline that runs: TRY=-uefi, TRY=-secure (Debian package ovmf).
# The destroyed records alone: TRY=-spare. The Wi-Fi network of a machine with a
# radio, and a laptop that joins it: TRY=-radio.
# Backups to a USB disk, and a new machine made of it: TRY=-disk. A second disk of
# the same image in a machine that has been set up: TRY=-second, or TRY="-second -uefi".
# Updates of a machine of an older image, made with the same key, and back:
# TRY="-older OLD/disk.raw".
boot:
	@sh .ci/need e2fsck:e2fsprogs sipp:sip-tester mmdebstrap:mmdebstrap qemu-system-x86_64:qemu-system-x86 qemu-img:qemu-utils mcopy:mtools mkfs.vfat:dosfstools mkfs.exfat:exfatprogs ip:iproute2 busybox:busybox-static iw:iw wpa_supplicant:wpasupplicant
	@mkdir -p out && { test -f out/trial.key || $(GO) run ./images/sign -new -key out/trial.key; }
	images/build out out/trial.key.pub
	images/try out/disk.raw -key out/trial.key $(TRY)

clean:
	rm -f hotline
