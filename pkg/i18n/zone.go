package i18n

import (
	"fmt"
	"strings"
	"sync/atomic"
	"time"
	_ "time/tzdata" // Lambda's provided.al2023 has no zones: 384 KB of a binary, 94 KB of its zip, and nothing at the start
)

// zone is the one that times are shown in; nil is UTC.
var zone atomic.Pointer[time.Location]

// SetZone has all times shown in the zone, an IANA name such as Asia/Seoul, from now on; empty means UTC. A program
// sets it once, before it words anything: the deployment has one zone, as it has one language. What is stored, and what
// programs read, is in UTC all the same.
func SetZone(name string) error {
	location, err := Zone(name)
	if err == nil {
		zone.Store(location)
	}
	return err
}

// Zone is the zone of an IANA name. "Local" is refused: it is another one on each machine.
func Zone(name string) (*time.Location, error) {
	location, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return nil, fmt.Errorf("%.64q is no time zone: want an IANA name such as Asia/Seoul, or UTC", name)
	}
	return location, nil
}

// local is the time in the zone, and what the zone is called then: KST, or UTC-03 where it has no letters of its own.
func local(t time.Time) (time.Time, string) {
	t = t.UTC()
	if location := zone.Load(); location != nil {
		t = t.In(location)
	}
	name, _ := t.Zone()
	if strings.HasPrefix(name, "+") || strings.HasPrefix(name, "-") {
		name = "UTC" + name
	}
	return t, name
}
