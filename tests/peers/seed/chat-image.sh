curl -X POST 'http://<你的IP>:<你的端口>/<平台名称>/v1/chat/completions' \
--header 'Content-Type: application/json' \
--header 'Authorization: Bearer <你的许可证>' \
--data-raw '{
    "messages": [
        {
            "role": "user",
            "content": [
                {
                    "type": "text",
                    "text": "<对话内容>"
                },
                {
                    "type": "image_url",
                    "image_url": {
                        "url": "图片的URL或者base64"
                    }
                }
            ]
        }
    ],
    "model": "<平台模型>"
}'
