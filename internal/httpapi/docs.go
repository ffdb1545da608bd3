package httpapi

import (
	"bytes"
	"compress/gzip"
	"context"
	_ "embed"
	"fmt"
	"io"
	"path"
	"sync"

	"github.com/swaggest/swgui/v5/static"

	"github.com/numora/delivery/gen/deliveryapi"
)

// The page is ours; Swagger UI itself comes embedded with the module that carries it. Nothing is fetched
// from another host.

// docsPolicy makes browsers hold the page to that. Swagger UI styles elements by script, which needs no inline styles
// to be allowed, and has its icons as data: images.
const docsPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

//go:embed docs/index.html
var docsPage []byte

//go:embed docs/start.js
var docsStart []byte

// swaggerUI are the files of Swagger UI that the page needs, unpacked when first asked for.
var swaggerUI = sync.OnceValues(func() (map[string][]byte, error) {
	files := map[string][]byte{"start.js": docsStart}
	for _, name := range []string{"swagger-ui.css", "swagger-ui-bundle.js"} {
		packed, err := static.FS.Open(name + ".gz")
		if err != nil {
			return nil, fmt.Errorf("open Swagger UI's %s: %w", name, err)
		}
		reader, err := gzip.NewReader(packed)
		if err != nil {
			return nil, fmt.Errorf("unpack Swagger UI's %s: %w", name, err)
		}
		if files[name], err = io.ReadAll(reader); err != nil {
			return nil, fmt.Errorf("unpack Swagger UI's %s: %w", name, err)
		}
	}
	icon, err := static.FS.ReadFile("favicon-32x32.png")
	if err != nil {
		return nil, fmt.Errorf("open Swagger UI's icon: %w", err)
	}
	files["favicon-32x32.png"] = icon
	return files, nil
})

func (h *handlers) GetDocs(context.Context, deliveryapi.GetDocsRequestObject) (deliveryapi.GetDocsResponseObject, error) {
	return deliveryapi.GetDocs200TextHTMLResponse{
		Body: bytes.NewReader(docsPage), ContentLength: int64(len(docsPage)),
		Headers: deliveryapi.GetDocs200ResponseHeaders{ContentSecurityPolicy: docsPolicy, ReferrerPolicy: "no-referrer"},
	}, nil
}

func (h *handlers) GetDocsAsset(_ context.Context, request deliveryapi.GetDocsAssetRequestObject) (deliveryapi.GetDocsAssetResponseObject, error) {
	files, err := swaggerUI()
	if err != nil {
		return nil, err
	}
	file, ok := files[request.Asset]
	if !ok {
		return nil, errRouteNotFound
	}
	body, length := bytes.NewReader(file), int64(len(file))
	switch path.Ext(request.Asset) {
	case ".css":
		return deliveryapi.GetDocsAsset200TextCSSResponse{Body: body, ContentLength: length}, nil
	case ".js":
		return deliveryapi.GetDocsAsset200TextJavascriptResponse{Body: body, ContentLength: length}, nil
	default:
		return deliveryapi.GetDocsAsset200ImagePngResponse{Body: body, ContentLength: length}, nil
	}
}
