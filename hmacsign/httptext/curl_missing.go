package httptext

func parseCurl(string) (*Request, error) { return nil, unsupported("curl_missing") }
