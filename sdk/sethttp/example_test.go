package sethttp_test

import (
	"context"
	"log"
	"time"

	"github.com/perhuman/perhuman/sdk/sethttp"
	"github.com/perhuman/perhuman/semaphore"
)

func Example() {
	ctx := context.Background()
	src, err := sethttp.New(sethttp.Config{
		VKey:    "issuer.example/people+1a2b3c4d+AVo...",
		State:   sethttp.FileState("issuer.state"),
		OnError: func(err error) { log.Print(err) },
	})
	if err != nil {
		return
	}
	go src.Run(ctx)
	var root semaphore.Element // of a proof
	info, err := src.Root(ctx, root, time.Now())
	log.Print(info.Seq, info.Live, err)
}
