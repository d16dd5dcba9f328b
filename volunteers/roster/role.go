package roster

import "slices"

// Role is what a person is at this box.
type Role string

// Roles.
const (
	RoleAgent       Role = "agent"       // answers calls
	RoleSupervisor  Role = "supervisor"  // leads a shift
	RoleCoordinator Role = "coordinator" // works with the records and other organisations
	RoleAdmin       Role = "admin"       // keeps the box running
)

// Roles are all roles, for forms.
func Roles() []Role { return []Role{RoleAgent, RoleSupervisor, RoleCoordinator, RoleAdmin} }

// Permission is one thing that a role may allow.
type Permission string

// Permissions.
const (
	Desk    Permission = "desk"    // take calls
	Floor   Permission = "floor"   // see who works and who waits
	Mode    Permission = "mode"    // set the emergency mode, by page and by phone PIN
	Records Permission = "records" // search and read all records
	Export  Permission = "export"  // take records away from the box
	Admin   Permission = "admin"   // manage accounts and the box
)

// Known reports that the role exists.
func (r Role) Known() bool { return slices.Contains(Roles(), r) }

// May is the whole table; what it does not name is denied.
func (r Role) May(p Permission) bool {
	switch r {
	case RoleAgent:
		return p == Desk
	case RoleSupervisor:
		return p == Desk || p == Floor || p == Mode
	case RoleCoordinator:
		return p == Desk || p == Floor || p == Mode || p == Records || p == Export
	case RoleAdmin:
		return p == Floor || p == Mode || p == Records || p == Export || p == Admin
	}
	return false
}
