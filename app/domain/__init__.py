"""Pure rules of mailbox monitoring: no Flask, no database, no sockets, no clock."""
