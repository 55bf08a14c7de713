// Package humantest lets an app test what it guards, with humans that are
// virtual and proofs that are real, and without a network.
//
//	kit := humantest.New(t, humantest.Options{})
//	gate, err := sdk.Open(ctx, kit.Config("forum.example"))
//	app := routes(gate)                          // the app's own http.Handler
//
//	ada := kit.Person("ada")
//	forum := humantest.Site{Handler: app, Origin: "https://forum.example"}
//	res := ada.Send(forum, httptest.NewRequest("POST", "/posts", strings.NewReader("hello")), "post")
//
// A Kit is an issuer with a signed log, served to the Gate and to the wallets in
// process; a clock that moves only when it is told to; and a memory store with
// switches for its faults. Its people hold real wallets, with every rule that a
// wallet has: they hide among 256 members, never show a slot twice, and refuse
// sites that are not who they say.
//
// Site.Provoke makes a guarded route answer with a code of one's choice, one
// fixture for each code that a Gate can give, so that an app sees what it does
// with each of them. Codes lists them.
//
// # Speed
//
// A proof takes a fraction of a second. Everything in a Kit is drawn from seeds,
// challenges included, so the second run of a test asks for the same proofs as
// the first, and finds them in a folder of the user's cache: it then takes
// milliseconds. Proofs found there are verified before they are used. Tests that
// use one Gate from several goroutines at once draw challenges in an order that
// changes, and prove again.
//
// The people's secrets are their names, hashed: never enrol one anywhere else.
package humantest
